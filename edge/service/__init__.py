"""The device as a system service: systemd's notifications, its watchdog, the board's health, files to install."""
