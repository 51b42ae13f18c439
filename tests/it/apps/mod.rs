//! Apps written with Inngest's SDKs.

mod stub;
mod sync;
