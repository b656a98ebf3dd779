"""Where bytes come from: brokers and serial lines, with their hot-plug and retries."""
