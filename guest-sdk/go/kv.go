// The key-value store.

package pawl

import (
	"encoding/json"
	"errors"
	"fmt"

	"pawl.dev/pawl/internal/host"
)

// The host's limits.
const (
	keyBytes   = 1_024
	valueBytes = 1 << 20
)

// Bucket is the key-value store that the functions of an app share, kept by the host. Only
// inside of a step. Keys have 1 to 1,024 bytes, values at most 1 MiB.
//
// Errors: `KeyValueDenied` and `KeyValueInvalid` are never tried again, `KeyValueError`
// (the store is in trouble) is.
type Bucket struct{ inner host.Bucket }

// OpenBucket opens it.
func OpenBucket() (*Bucket, error) {
	opened, err := host.Current.Bucket()
	if err != nil {
		return nil, kvError(err, "opening the bucket")
	}
	return &Bucket{opened}, nil
}

// Get is a key's value; nil when it has none.
func (b *Bucket) Get(key string) ([]byte, error) {
	value, isThere, err := b.inner.Get(key)
	if isThere && value == nil {
		value = []byte{}
	}
	return value, kvError(err, "reading a key")
}

// Set gives a key a value, in place of the one it had.
func (b *Bucket) Set(key string, value []byte) error {
	// the host refuses these too, but cannot say that another try would not help
	if key == "" || len(key) > keyBytes {
		return kvInvalid("a key has 1 to %d bytes, not %d", keyBytes, len(key))
	}
	if len(value) > valueBytes {
		return kvInvalid("a value has at most %d bytes, not %d", valueBytes, len(value))
	}
	return kvError(b.inner.Set(key, value), "writing a key")
}

// Delete removes a key; one that is not there is no error.
func (b *Bucket) Delete(key string) error { return kvError(b.inner.Delete(key), "removing a key") }

// Exists says whether a key has a value.
func (b *Bucket) Exists(key string) (bool, error) {
	is, err := b.inner.Exists(key)
	return is, kvError(err, "reading a key")
}

// Keys are all of them.
func (b *Bucket) Keys() ([]string, error) {
	var keys []string
	for cursor := (*uint64)(nil); ; {
		page, next, err := b.inner.Keys(cursor)
		if err != nil {
			return nil, kvError(err, "listing keys")
		}
		keys = append(keys, page...)
		if next == nil {
			return keys, nil
		}
		cursor = next
	}
}

// SetJSON gives a key a value as JSON.
func (b *Bucket) SetJSON(key string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return kvInvalid("the value cannot be JSON: %w", err)
	}
	return b.Set(key, text)
}

// GetJSON reads a value that [Bucket.SetJSON] kept into what `into` points to, and says
// whether there is one.
func (b *Bucket) GetJSON(key string, into any) (bool, error) {
	text, err := b.Get(key)
	if err != nil || text == nil {
		return false, err
	}
	if err := json.Unmarshal(text, into); err != nil {
		why := fmt.Errorf("the value that is kept is not what was expected: %w", err)
		return false, named("KeyValueMismatch", NoRetry(why))
	}
	return true, nil
}

func kvInvalid(format string, args ...any) error {
	return named("KeyValueInvalid", NoRetry(fmt.Errorf(format, args...)))
}

// kvError does not repeat the key itself: it may be somebody's name.
func kvError(err *host.KVError, what string) error {
	if err == nil {
		return nil
	}
	switch err.Kind {
	case host.KVNoSuchStore:
		return named("KeyValueDenied", NoRetry(errors.New(what+": no such store")))
	case host.KVAccessDenied:
		return named("KeyValueDenied", NoRetry(errors.New(what+": key-value is for steps: wrap it in pawl.Run")))
	default:
		return named("KeyValueError", Errorf("%s: %s", what, err.Why))
	}
}
