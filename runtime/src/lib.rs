//! Driver, executor, stores and metadata sources: performs what the planner decides.
