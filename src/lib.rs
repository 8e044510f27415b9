//! tillgate risk-checks point-of-sale events from Kafka.
