//! A function's use of its key-value bucket.

use crate::runtime::{KvCall, KvReply};
use crate::store::{Store, StoreError};

/// Keys in one answer of a listing.
const PAGE: usize = 1_000;

/// Bytes of a key and of a value.
const KEY_BYTES: usize = 1_024;
const VALUE_BYTES: usize = 1 << 20;

/// Does what the function asks for. An error is a sentence for it.
pub async fn kv(store: &dyn Store, bucket: &str, call: KvCall) -> Result<KvReply, String> {
    let sorry = |e: StoreError| format!("the key-value store: {e}");
    match call {
        KvCall::Get(key) => store.kv_get(bucket, &key).await.map(KvReply::Value).map_err(sorry),
        KvCall::Set(key, _) if key.is_empty() || key.len() > KEY_BYTES => {
            Err(format!("a key has 1 to {KEY_BYTES} bytes, not {}", key.len()))
        }
        KvCall::Set(_, Some(value)) if value.len() > VALUE_BYTES => {
            Err(format!("a value has at most {VALUE_BYTES} bytes, not {}", value.len()))
        }
        KvCall::Set(key, value) => {
            store.kv_set(bucket, &key, value).await.map(|()| KvReply::Done).map_err(sorry)
        }
        KvCall::Keys(after) => {
            let mut keys = store.kv_keys(bucket, &after, PAGE + 1).await.map_err(sorry)?;
            let more = keys.len() > PAGE;
            keys.truncate(PAGE);
            Ok(KvReply::Keys(keys, more))
        }
    }
}
