//! A simulated cloud and Swarm with the rules of real ones.
