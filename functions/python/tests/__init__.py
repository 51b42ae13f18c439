"""Tests of the functions, by the test kit of the SDK."""
