//! Real files shipped to a directory, restored and compared, by this program and, where the program
//! `litestream` is on the PATH, by the real one.

mod commits;
mod crashes;
mod destinations;
mod ground;
