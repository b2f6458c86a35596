//! Records of a run folded into waits and their causes, the cost ledger, waste, timelines. Never influences the run.
