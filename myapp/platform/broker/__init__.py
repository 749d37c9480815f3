"""The message broker between the processes: a file, or RabbitMQ."""
