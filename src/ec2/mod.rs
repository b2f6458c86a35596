//! EC2 as the fleet meets it: the choice of CreateFleet, missing capacity, the Spot market, start-up delays, the billing meter.
