"""The syntax of HTTP as plain values: nothing here waits or knows an app."""
