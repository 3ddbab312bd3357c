/** A vitest reporter that sends how many tests passed and failed to the process that started vitest. */
export default class CountingReporter {
  /**
   * @param {ReadonlyArray<import("vitest/node").TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandled
   * @returns {Promise<void>}
   */
  onTestRunEnd(modules, unhandled) {
    let passed = 0
    let failed = unhandled.length
    for (const module of modules) {
      failed += module.errors().length
      for (const suite of module.children.allSuites()) failed += suite.errors().length
      for (const test of module.children.allTests()) {
        const { state } = test.result()
        if (state === "passed") passed += 1
        if (state === "failed") failed += 1
      }
    }
    return new Promise((resolve) => {
      if (process.send === undefined) resolve()
      else process.send({ passed, failed }, undefined, undefined, () => resolve())
    })
  }
}
