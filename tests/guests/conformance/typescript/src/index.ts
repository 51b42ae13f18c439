/** The conformance app: every function of `../README.md`, and what only JavaScript can do wrong. */
import "./basics.js";
import "./capabilities.js";
import "./flow.js";
import "./parallel.js";
import "./retries.js";
import "./sizes.js";
import "./waits.js";
import "./wrong.js";
