//! Generated from `wit/`: nothing is written by hand here but the types that stand
//! for the guest's handles.

#![allow(missing_docs, reason = "generated from wit/, which is documented")]

wasmtime::component::bindgen!({
    world: "plugin",
    path: "../../wit",
    imports: {
        // what waits for nothing needs none of the machinery for waiting
        "pawl:workflow/step.[method]attempt.number": trappable,
        "pawl:workflow/step.[method]attempt.max": trappable,
        "pawl:workflow/step.[method]attempt.idempotency-key": trappable,
        "pawl:workflow/step.[drop]attempt": trappable,
        "pawl:workflow/log.log": trappable,
        "pawl:workflow/settings.get": trappable,
        "pawl:workflow/system.now": trappable,
        "pawl:workflow/system.random": trappable,
        "wasi:keyvalue/store.open": trappable,
        "wasi:keyvalue/store.[drop]bucket": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    with: {
        "pawl:workflow/step.attempt": Attempt,
        "wasi:keyvalue/store.bucket": Bucket,
    },
});

/// A guest's handle of the attempt that it executes. There is one at a time.
pub struct Attempt {
    /// From 0.
    pub number: u32,
    /// How many tries in all.
    pub max: u32,
    /// The same for every try of the step.
    pub idempotency_key: String,
}

/// A guest's handle of its function's bucket.
pub struct Bucket;
