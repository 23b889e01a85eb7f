//! shipper

pub mod plan;
pub mod restore;
