//! Which jobs arrive when and what they need: traces (streamed), pipelines, synthetic arrivals. Never sees the fleet.
