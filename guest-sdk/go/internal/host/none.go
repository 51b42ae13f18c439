// The host where there is none.

package host

// none is the host where there is no host: in a program that is not WebAssembly and not
// under test. Whoever asks it has called a function by hand.
type none struct{}

const noHost = "there is no host here: functions run in pawl, or in tests by pawltest.Run"

func (none) Open(Request) Outcome                  { panic(noHost) }
func (none) Select([]Request) []Answer             { panic(noHost) }
func (none) Log(Level, string, [][2]string)        { panic(noHost) }
func (none) Send([]HTTPRequest) []HTTPResult       { panic(noHost) }
func (none) Setting(string) (string, bool, string) { panic(noHost) }
func (none) Now() uint64                           { panic(noHost) }
func (none) Random() uint64                        { panic(noHost) }
func (none) Bucket() (Bucket, *KVError)            { panic(noHost) }
