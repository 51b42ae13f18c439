//! The imports where there is no host: the signatures of the generated ones, answered by
//! the run under test.
//!
//! Records are the generated types; resources are types of our own, as the generated ones
//! call the host even when they are dropped.

use crate::test::stage;

pub(crate) mod step {
    //! The durable steps.

    use super::stage;
    use crate::bindings::pawl::workflow::types::Failure;

    pub(crate) use crate::bindings::pawl::workflow::step::{
        EventMatch, Fetch, Invocation, Operation, Request, RunOptions,
    };

    /// What became of a step.
    #[derive(Debug)]
    pub(crate) enum Outcome {
        Ok(String),
        Err(Failure),
        Execute(Attempt),
    }

    /// One try of a step's code.
    #[derive(Debug)]
    pub(crate) struct Attempt {
        pub(crate) number: u32,
        pub(crate) max: u32,
        pub(crate) idempotency_key: String,
    }

    impl Attempt {
        pub(crate) fn number(&self) -> u32 {
            self.number
        }

        pub(crate) fn max(&self) -> u32 {
            self.max
        }

        pub(crate) fn idempotency_key(&self) -> String {
            self.idempotency_key.clone()
        }

        pub(crate) fn succeed(&self, output: &str) -> Result<(), Failure> {
            stage::finish(Ok(output.to_owned())).map_or(Ok(()), Err)
        }

        pub(crate) fn fail(&self, error: &Failure) -> Failure {
            stage::finish(Err(error.clone())).unwrap_or_else(|| error.clone())
        }
    }

    pub(crate) fn open(request: &Request) -> Outcome {
        stage::ask(std::slice::from_ref(request)).1
    }

    pub(crate) fn select(requests: &[Request]) -> Vec<(u32, Outcome)> {
        let (place, outcome) = stage::ask(requests);
        vec![(u32::try_from(place).unwrap_or(u32::MAX), outcome)]
    }
}

pub(crate) mod log {
    //! Lines for the run's log.

    use super::stage;

    pub(crate) use crate::bindings::pawl::workflow::log::Level;

    pub(crate) fn log(level: Level, message: &str, fields: &[(String, String)]) {
        stage::log(level, message, fields);
    }
}

pub(crate) mod http {
    //! Outgoing requests of a step's code.

    use super::stage;

    pub(crate) use crate::bindings::pawl::workflow::http::{Error, Request, Response};

    pub(crate) fn send(request: &Request) -> Result<Response, Error> {
        stage::send(request)
    }

    pub(crate) fn send_all(requests: &[Request]) -> Vec<Result<Response, Error>> {
        requests.iter().map(send).collect()
    }
}

pub(crate) mod settings {
    //! What the operator set.

    use super::stage;

    pub(crate) fn get(name: &str) -> Result<Option<String>, String> {
        stage::with(|world| world.setting(name))
    }
}

pub(crate) mod system {
    //! Clock and randomness.

    use super::stage;

    pub(crate) fn now() -> u64 {
        stage::with(|world| world.clock())
    }

    pub(crate) fn random() -> u64 {
        stage::with(|world| world.random())
    }

    pub(crate) fn pause(millis: u64) {
        stage::with(|world| world.pause(millis));
    }
}

pub(crate) mod store {
    //! The function's key-value bucket.

    use super::stage;

    pub(crate) use crate::bindings::wasi::keyvalue::store::{Error, KeyResponse};

    /// An open bucket; there is one.
    #[derive(Debug)]
    pub(crate) struct Bucket(());

    pub(crate) fn open(_: &str) -> Result<Bucket, Error> {
        Ok(Bucket(()))
    }

    impl Bucket {
        pub(crate) fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
            stage::with(|world| Ok(world.bucket()?.get(key).cloned()))
        }

        pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
            stage::with(|world| {
                world.bucket()?.insert(key.to_owned(), value.to_owned());
                Ok(())
            })
        }

        pub(crate) fn delete(&self, key: &str) -> Result<(), Error> {
            stage::with(|world| {
                world.bucket()?.remove(key);
                Ok(())
            })
        }

        pub(crate) fn exists(&self, key: &str) -> Result<bool, Error> {
            self.get(key).map(|value| value.is_some())
        }

        pub(crate) fn list_keys(&self, _: Option<u64>) -> Result<KeyResponse, Error> {
            stage::with(|world| {
                Ok(KeyResponse { keys: world.bucket()?.keys().cloned().collect(), cursor: None })
            })
        }
    }
}
