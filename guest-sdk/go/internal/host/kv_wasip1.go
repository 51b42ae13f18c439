//go:build wasip1

// The key-value store of the real host.

package host

import (
	"pawl.dev/pawl/bindings/imports/wasi_keyvalue_store"
	"pawl.dev/pawl/bindings/types"
)

func (imports) Bucket() (Bucket, *KVError) {
	opened, err := checked(func() types.Result[*wasi_keyvalue_store.Bucket, wasi_keyvalue_store.Error] {
		return wasi_keyvalue_store.Open("")
	})
	if err != nil {
		return nil, err
	}
	return bucket{opened}, nil
}

type bucket struct{ inner *wasi_keyvalue_store.Bucket }

func (b bucket) Get(key string) ([]byte, bool, *KVError) {
	value, err := checked(func() types.Result[types.Option[[]byte], wasi_keyvalue_store.Error] {
		return b.inner.Get(key)
	})
	return value.SomeOr(nil), value.Tag() == types.OptionSome, err
}

func (b bucket) Set(key string, value []byte) *KVError {
	_, err := checked(func() types.Result[types.Unit, wasi_keyvalue_store.Error] {
		return b.inner.Set(key, value)
	})
	return err
}

func (b bucket) Delete(key string) *KVError {
	_, err := checked(func() types.Result[types.Unit, wasi_keyvalue_store.Error] { return b.inner.Delete(key) })
	return err
}

func (b bucket) Exists(key string) (bool, *KVError) {
	return checked(func() types.Result[bool, wasi_keyvalue_store.Error] { return b.inner.Exists(key) })
}

func (b bucket) Keys(cursor *uint64) ([]string, *uint64, *KVError) {
	page, err := checked(func() types.Result[wasi_keyvalue_store.KeyResponse, wasi_keyvalue_store.Error] {
		return b.inner.ListKeys(optional(cursor))
	})
	if err != nil || page.Cursor.Tag() == types.OptionNone {
		return page.Keys, nil, err
	}
	next := page.Cursor.Some()
	return page.Keys, &next, nil
}

func checked[T any](ask func() types.Result[T, wasi_keyvalue_store.Error]) (T, *KVError) {
	result := call(ask)
	if !result.IsErr() {
		return result.Ok(), nil
	}
	var nothing T
	switch err := result.Err(); err.Tag() {
	case wasi_keyvalue_store.Error_NoSuchStore:
		return nothing, &KVError{Kind: KVNoSuchStore}
	case wasi_keyvalue_store.Error_AccessDenied:
		return nothing, &KVError{Kind: KVAccessDenied}
	default:
		return nothing, &KVError{KVOther, err.Other()}
	}
}
