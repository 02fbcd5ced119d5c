"""Message brokers as data sources: MQTT, AMQP and Kafka."""
