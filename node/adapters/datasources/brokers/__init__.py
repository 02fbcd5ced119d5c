"""Message brokers as data sources: MQTT and AMQP."""
