// Package host is the contract of wit/ in plain Go: what a function asks of its host, and
// what it is answered.
//
// Two hosts implement it: the real one, when the program is WebAssembly, and that of
// package pawltest.
package host

// Host is what a pass of a run can ask. None of its functions has to return: the real host
// ends the instance instead when the run has to wait.
type Host interface {
	// Open asks for one step.
	Open(Request) Outcome
	// Select asks for several, and answers those that are settled or to be executed.
	Select([]Request) []Answer
	// Log writes a line, with names and values.
	Log(level Level, message string, fields [][2]string)
	// Send makes requests, and gives their answers in their order.
	Send([]HTTPRequest) []HTTPResult
	// Setting reads a setting: its value, whether it is set, and why it is denied.
	Setting(name string) (value string, isSet bool, denied string)
	// Now is Unix time in milliseconds; outside of steps that of the run's start.
	Now() uint64
	// Random is a random number; outside of steps the next of the run's own sequence.
	Random() uint64
	// Bucket opens the function's key-value store.
	Bucket() (Bucket, *KVError)
}

// Current is the host that there is. It is set before the first pass and never changes
// while one is under way.
var Current Host = none{}

// Level says how much a line of the log matters; in the order of the contract.
type Level uint8

// The levels.
const (
	Trace Level = iota
	Debug
	Info
	Warn
	Error
)

// Retry is a failure's wish about the next try.
type Retry struct {
	// Never says that no try would help.
	Never bool
	// After is how long to wait at least, in milliseconds; 0 when nothing is said.
	After uint64
}

// Failure is why a step or a function failed.
type Failure struct {
	Name, Message string
	// Stack and Data are empty when there is none; Data is JSON.
	Stack, Data string
	Retry       Retry
}

// Event is what started a run.
type Event struct {
	ID, Name string
	// Data and User are JSON; User is empty when nothing is said.
	Data, User string
	// Timestamp is Unix time in milliseconds.
	Timestamp uint64
	Version   string
}

// NewEvent is an event to send; what is empty or 0 the host fills.
type NewEvent = Event

// Context is a pass's beginning.
type Context struct {
	FunctionID, RunID string
	Attempt           uint32
	Events            []Event
	// Now is when the run was started, in Unix milliseconds.
	Now uint64
}

// Request is a step that is asked for. Op is one of the operations below.
type Request struct {
	ID string
	Op any
}

// The operations of a [Request]. Times are in milliseconds; a nil pointer leaves the host
// its default.
type (
	// Run is code of the function.
	Run struct {
		Timeout *uint64
		Retries *uint32
	}
	// Sleep waits so long.
	Sleep struct{ Millis uint64 }
	// SleepUntil waits until a moment, in Unix milliseconds.
	SleepUntil struct{ At uint64 }
	// WaitForEvent waits for an event; Filter is CEL, or empty.
	WaitForEvent struct {
		Name    string
		Timeout uint64
		Filter  string
	}
	// Invoke calls another function; Data and User are JSON, User may be empty.
	Invoke struct {
		Function, Data, User string
		Timeout              *uint64
	}
	// SendEvent sends these.
	SendEvent struct{ Events []NewEvent }
	// Fetch is a request that the host makes while the run holds no instance.
	Fetch struct {
		Method, URL string
		Headers     [][2]string
		Body        *string
		Timeout     *uint64
		Retries     *uint32
	}
)

// Outcome is a step's: exactly one of the three is there.
type Outcome struct {
	// Ok is its output, as JSON.
	Ok string
	// Err is what it failed with for good.
	Err *Failure
	// Execute wants its code executed now.
	Execute Attempt
}

// Answer is the outcome of the request at this place of the list.
type Answer struct {
	Place   int
	Outcome Outcome
}

// Attempt is one try of a step's code. It ends with Succeed or Fail.
type Attempt interface {
	Number() uint32
	Max() uint32
	IdempotencyKey() string
	// Succeed returns when the output is durable, or with what the step fails with because
	// it cannot be kept.
	Succeed(output string) *Failure
	// Fail returns only when no tries are left: what the step fails with.
	Fail(Failure) Failure
}

// HTTPRequest is a request out of a step's code.
type HTTPRequest struct {
	Method, URL string
	Headers     [][2]string
	// Body is nil when there is none.
	Body []byte
	// Timeout is in milliseconds; 0 for what the step has left.
	Timeout uint64
}

// HTTPResult is an answer, unless there is an error.
type HTTPResult struct {
	Status  uint16
	Headers [][2]string
	Body    []byte
	Error   *HTTPError
}

// HTTPError is why there was no answer.
type HTTPError struct {
	Kind HTTPErrorKind
	Why  string
}

// HTTPErrorKind says whether another try may help.
type HTTPErrorKind uint8

// The kinds: not allowed, not possible, and no connection, which alone may pass.
const (
	HTTPDenied HTTPErrorKind = iota
	HTTPInvalid
	HTTPNetwork
)

// Bucket is an open key-value store.
type Bucket interface {
	// Get gives a key's value; false when it has none.
	Get(key string) ([]byte, bool, *KVError)
	Set(key string, value []byte) *KVError
	Delete(key string) *KVError
	Exists(key string) (bool, *KVError)
	// Keys gives a page of the keys, and where the next one begins; nil on the last.
	Keys(cursor *uint64) ([]string, *uint64, *KVError)
}

// KVError is why the key-value store did not do it: denied for good, or something that may
// pass, with its reason.
type KVError struct {
	Kind KVErrorKind
	Why  string
}

// KVErrorKind says what kind of trouble it is.
type KVErrorKind uint8

// The kinds.
const (
	KVNoSuchStore KVErrorKind = iota
	KVAccessDenied
	KVOther
)
