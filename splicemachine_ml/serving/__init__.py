"""The SageMaker container contract: /ping and /invocations."""
