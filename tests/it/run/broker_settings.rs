//! Brokers that are not set up as exactly once needs them are refused at the start.

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use tillgate::kafka::cluster::brokers;

use super::*;

/// Leaves the only broker with this as its one dynamic setting of its own.
fn set(kafka: &Kafka, value: &str) {
    let admin: AdminClient<DefaultClientContext> = kafka.client().create().expect("an admin client");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let change = AlterConfig::new(ResourceSpecifier::Broker(1))
        .set("transaction.partition.verification.enable", value);
    let results = runtime.block_on(admin.alter_configs([&change], &AdminOptions::new()));
    results.expect("an answer").remove(0).expect("the change");
}

#[test]
fn refuses_brokers_that_do_not_verify_transactions() {
    let Some(kafka) = kafka_cluster(1) else { return };
    let settings = scene(&kafka, 1);
    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    brokers::verify(cluster.admin(), &settings).expect("brokers as they are by default");

    set(&kafka, "false");
    eventually(WITHIN, "the broker to say so", || brokers::verify(cluster.admin(), &settings).err());
    let health = Arc::new(Health::new(1));
    let refused = run(
        settings.clone(),
        &["of a test".to_owned()],
        super::flows(Echoes::default()),
        &[],
        health,
        &Arc::default(),
    );
    let fault = refused.expect_err("a refusal");
    assert_eq!(fault.class, FaultClass::Setup);
    let expected = "broker 1 has transaction.partition.verification.enable=false";
    assert!(fault.text.starts_with(expected) && fault.text.contains("set it to true"), "{fault}");

    set(&kafka, "true");
    eventually(WITHIN, "the broker to say so", || brokers::verify(cluster.admin(), &settings).ok());
}
