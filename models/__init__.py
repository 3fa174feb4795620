"""Shipped networks: ``.tflite`` bundles with one model card each."""
