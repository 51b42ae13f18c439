//! Kills, stops and a store that takes nothing: what was acknowledged is kept, what is
//! recorded stays as it is.

mod kill;
mod load;
mod stop;
mod trouble;
