/**
 * After each test the event loop gets a turn (a setup file of vitest). Tests that never wait would keep a worker from
 * hearing what its parent answers, and after 60 s of that vitest calls it an error ("Timeout calling onTaskUpdate").
 */
import { afterEach } from "vitest"

afterEach(() => new Promise((resolve) => void setTimeout(resolve, 0)))
