//! What the runtime sees, decides and does: inventory, head, plan, actions, events, and the traits of providers and stores.
