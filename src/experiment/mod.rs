//! Replications of fleets on common random numbers, and the statistics of their outcomes.
