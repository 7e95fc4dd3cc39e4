"""Users for test_locust.py."""

from locust import FastHttpUser, HttpUser, constant, task


class Slow(HttpUser):
    wait_time = constant(0.05)

    @task
    def post(self):
        with self.client.post("/", data=b"abc", catch_response=True) as answer:
            if answer.content != b"cba":
                answer.failure(f"got {answer.content!r}")


class Fast(FastHttpUser):
    wait_time = constant(0.05)

    @task
    def post(self):
        with self.client.post("/", data=b"abc", catch_response=True) as answer:
            if answer.content != b"cba":
                answer.failure(f"got {answer.content!r}")
