"""AMQP brokers, such as RabbitMQ."""
