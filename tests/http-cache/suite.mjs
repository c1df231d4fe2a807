// Runs http-cache-tests against a cache, and prints what became of each test as JSON.
//
//   node suite.mjs FOLDER [TEST…]
//
// FOLDER is the installed package, or a clone of https://github.com/http-tests/cache-tests. Named tests are run with
// each of their messages shown on standard error.
//
// The origin of the suite is started here. The first line of standard output says where; the first line of standard
// input says then where the cache in front of it is. The last line of output has the outcomes.

import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import readline from 'node:readline'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

// Each test waits rather than works: three seconds once or twice, so that a response ages. More of them at once would
// make ages depend on how busy the machine is.
const TESTS_AT_ONCE = 120

const folder = path.resolve(process.argv[2])
const wanted = new Set(process.argv.slice(3))

// What the suite says in passing must not stand among the JSON.
console.log = console.error

const engine = fs.existsSync(path.join(folder, 'test-engine')) ? 'test-engine' : ''

function load (...segments) {
  return import(pathToFileURL(path.join(folder, ...segments)).href)
}

// The fetch of Node.js adds fields of its own to requests, so the suite has it from a package.
function packageFetch () {
  for (const near of [path.join(folder, 'package.json'), import.meta.url]) {
    try {
      return createRequire(near)('node-fetch')
    } catch {
      // The other place has it.
    }
  }
  return globalThis.fetch
}

async function suites () {
  const { default: suites } = await load('tests', 'index.mjs')
  return suites
    .map(suite => ({ ...suite, tests: suite.tests.filter(isWanted) }))
    .filter(suite => suite.tests.length > 0)
}

function isWanted (test) {
  return test.browser_only !== true && (wanted.size === 0 || wanted.has(test.id))
}

async function startOrigin () {
  const handlers = new Map()
  for (const name of ['config', 'state', 'test']) {
    handlers.set(name, (await load(engine, 'server', `handle-${name}.mjs`)).default)
  }
  const server = http.createServer((request, response) => {
    const [, name, ...segments] = new URL(request.url, 'http://origin').pathname.split('/')
    const handler = handlers.get(name)
    if (handler === undefined) {
      response.writeHead(404).end()
    } else {
      // Content in a coding that does not say where it ends, ends with the connection (RFC 9112 §6.3).
      response.on('finish', () => {
        if (response.hasHeader('transfer-encoding')) request.socket.end()
      })
      handler(segments, request, response)
    }
  })
  // Else idle connections are closed after five seconds, which is when the second half of the tests begins: some of its
  // requests would meet a connection that has just been closed.
  server.keepAliveTimeout = 600_000
  await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${server.address().port}`
}

// One line with JSON on standard output.
function say (message) {
  process.stdout.write(`${JSON.stringify(message)}\n`)
}

async function nextLine () {
  for await (const line of readline.createInterface({ input: process.stdin })) return line.trim()
  process.exit(1)
}

// What became of each test, in the words of docs/http-cache.md. As on the results page of the suite, a test tells
// nothing where another one that it depends on was not passed.
function outcomes (tests, results) {
  const known = new Map(tests.map(test => [test.id, test]))

  function outcome (id) {
    const { kind, depends_on: needs = [] } = known.get(id)
    const result = results[id]
    if (result === undefined) return 'not run'
    if (needs.some(need => known.has(need) && !['pass', 'yes'].includes(outcome(need)))) return 'dependency failed'
    if (result !== true && result[0] === 'Setup') return 'setup failed'
    if (kind === 'check') return result === true ? 'yes' : 'no'
    return result === true ? 'pass' : 'fail'
  }

  return Object.fromEntries(tests.map(({ id, name, kind = 'required' }) => {
    const detail = Array.isArray(results[id]) ? results[id].join(': ') : ''
    return [id, { name, kind, outcome: outcome(id), detail }]
  }))
}

async function showProgress (total, results) {
  for (;;) {
    await new Promise(resolve => setTimeout(resolve, 5000).unref())
    console.error(`  ${Object.keys(results()).length} of ${total} tests have ended`)
  }
}

const { runTests, getResults } = await load(engine, 'client', 'runner.mjs')
const chosen = await suites()
const tests = chosen.flatMap(suite => suite.tests)
for (const test of tests) test.dump = wanted.size > 0

say({ origin: await startOrigin() })
const cache = await nextLine()
showProgress(tests.length, getResults)
// Newer editions take the fetch of Node.js.
const withFetch = runTests.length > 3 ? [packageFetch()] : []
await runTests(chosen, ...withFetch, false, cache, TESTS_AT_ONCE)
say({ outcomes: outcomes(tests, getResults()) })
process.exit(0)
