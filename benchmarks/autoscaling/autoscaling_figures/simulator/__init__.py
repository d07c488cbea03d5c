"""The world that controllers steer: requests, replicas that start and drain, scrapes, faults."""
