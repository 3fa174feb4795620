"""When does an object lie ready to be classified? One protocol (``trigger``), several ways to tell."""
