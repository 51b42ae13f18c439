import { defineConfig } from "vitest/config";

// The runtime's own tests put other globals in place: each file has a process of its own.
export default defineConfig({ test: { include: ["test/**/*.test.ts"], pool: "forks" } });
