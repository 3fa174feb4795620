"""What is plugged in: cameras, serial ports, and who answers there. Looks, asks, and moves nothing."""
