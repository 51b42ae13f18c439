//! InstantDB: the stub is faithful, and the checkout function gets along with it.

mod checkout;
mod official;
