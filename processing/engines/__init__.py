"""The engines that run stages over clips."""
