//! Counters and states, told to monitors: what enters are numbers, what leaves is Prometheus's
//! text ([`Text`]) and whether all is well, over HTTP ([`Endpoint`]).

mod counter;
mod http;
mod text;

pub use counter::Counter;
pub use http::{Endpoint, Source};
pub use text::{Family, Kind, Text};
