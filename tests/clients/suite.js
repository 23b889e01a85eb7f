// node-pg with its cursor and COPY streams. Takes no argument; connects by the PG* variables and
// PGSSLROOTCERT. Prints `ok NAME` or `not ok NAME: message` for each case.
'use strict'
const fs = require('fs')
const { pipeline } = require('stream/promises')
const { Readable, Writable } = require('stream')
const assert = require('assert')
const { Client, Pool } = require('pg')
const Cursor = require('pg-cursor')
const copy = require('pg-copy-streams')

const ca = process.env.PGSSLROOTCERT
const options = () => ({
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
  password: process.env.PGPASSWORD,
  enableChannelBinding: Boolean(ca),
  ssl: ca ? { ca: fs.readFileSync(ca), servername: 'localhost' } : false,
})

async function connected (body) {
  const client = new Client(options())
  await client.connect()
  try { await body(client) } finally { await client.end() }
}

async function withTable (client, body) {
  await client.query('DROP TABLE IF EXISTS njs')
  await client.query('CREATE TABLE njs (id int4 PRIMARY KEY, name text NOT NULL, n numeric(10,2))')
  try { await body() } finally { await client.query('DROP TABLE njs') }
}

const fails = (promise, code, more = {}) => assert.rejects(promise, { code, ...more })

const values = [
  ['bool', true, true], ['int2', -5, -5], ['int4', 70000, 70000], ['int8', '9007199254740993', '9007199254740993'],
  ['float4', 1.5, 1.5], ['float8', 0.1, 0.1], ['numeric', '10.25', '10.25'], ['text', 'Größe', 'Größe'],
  ['varchar', 'x', 'x'], ['bytea', Buffer.from([0, 255]), Buffer.from([0, 255])],
  ['date', '2024-02-29', new Date(2024, 1, 29)], ['time', '01:02:03', '01:02:03'],
  ['timestamp', '2024-02-29 01:02:03', new Date(2024, 1, 29, 1, 2, 3)],
  ['timestamptz', '2024-02-29T01:02:03Z', new Date('2024-02-29T01:02:03Z')],
  ['uuid', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'],
  ['json', { a: [1, null] }, { a: [1, null] }], ['jsonb', { a: 1 }, { a: 1 }],
  ['int4[]', [1, 2], [1, 2]], ['text[]', ['a', null, 'b"c'], ['a', null, 'b"c']], ['text', null, null],
]

const cases = {
  async types () {
    await connected(async c => {
      for (const [kind, given, expected] of values) {
        const { rows } = await c.query(`SELECT $1::${kind} AS v`, [given])
        assert.deepStrictEqual(rows[0].v, expected, kind)
      }
      const { interval } = (await c.query("SELECT '1 day 02:00:00'::interval AS interval")).rows[0]
      assert.deepStrictEqual({ ...interval }, { days: 1, hours: 2 })
    })
  },
  async charPadding () {
    await connected(async c => {
      const { rows } = await c.query("SELECT $1::char(3) AS v", ['ab'])
      assert.strictEqual(rows[0].v, 'ab ')
    })
  },
  async numericScale () {
    await connected(async c => {
      const { rows } = await c.query('SELECT $1::numeric AS v', ['10.50'])
      assert.strictEqual(rows[0].v, '10.50')
    })
  },
  async fieldsAndCounts () {
    await connected(async c => {
      const r = await c.query('SELECT count(*), "Name" FROM "Country" GROUP BY 2 ORDER BY 2 LIMIT 2')
      assert.deepStrictEqual(r.fields.map(f => [f.name, f.dataTypeID]), [['count', 20], ['Name', 1043]])
      assert.deepStrictEqual([r.rowCount, r.command], [2, 'SELECT'])
    })
  },
  async namedStatement () {
    await connected(async c => {
      for (let n = 1; n < 6; n++) {
        const r = await c.query({ name: 'category', text: 'SELECT "Name" FROM "Category" WHERE "CategoryId" = $1', values: [n] })
        assert.strictEqual(r.rows.length, 1)
      }
    })
  },
  async transactions () {
    await connected(async c => withTable(c, async () => {
      await c.query('BEGIN')
      await c.query('INSERT INTO njs VALUES ($1, $2, $3)', [1, 'a', '1.5'])
      await c.query('SAVEPOINT s')
      await fails(c.query('INSERT INTO njs VALUES (1, $1)', ['b']), '23505', { constraint: 'njs_pkey', table: 'njs' })
      await fails(c.query('SELECT 1'), '25P02')
      await c.query('ROLLBACK TO s')
      await c.query('COMMIT')
      const r = await c.query('UPDATE njs SET n = n * 2 RETURNING *')
      assert.deepStrictEqual(r.rows, [{ id: 1, name: 'a', n: '3.00' }])
    }))
  },
  async errors () {
    await connected(async c => withTable(c, async () => {
      await fails(c.query('SELECT * FROM nowhere'), '42P01', { position: '15' })
      await fails(c.query('SELECT nothing FROM njs WHERE id = $1', [1]), '42703')
      await fails(c.query('SELEC'), '42601')
      await fails(c.query('SELECT 1/0'), '22012')
      await fails(c.query('INSERT INTO njs VALUES ($1, $2)', [1, null]), '23502', { column: 'name' })
      await fails(c.query('SELECT $1::int', ['x']), '22P02')
      assert.strictEqual((await c.query('SELECT 1 AS one')).rows[0].one, 1)
    }))
  },
  async cursor () {
    await connected(async c => {
      const cursor = c.query(new Cursor('SELECT "InvoiceId" AS id FROM "Invoice" WHERE "InvoiceId" > $1 ORDER BY 1', [2]))
      assert.deepStrictEqual((await cursor.read(2)).map(r => Number(r.id)), [3, 4])
      assert.strictEqual((await cursor.read(1000)).length, 408)
      await cursor.close()
      assert.strictEqual((await c.query('SELECT 1 AS one')).rows[0].one, 1)
    })
  },
  async copy () {
    await connected(async c => withTable(c, async () => {
      await pipeline(Readable.from(['1\ta\t\\N\n', '2\tb\t2.5\n']), c.query(copy.from('COPY njs FROM STDIN')))
      let text = ''
      const sink = new Writable({ write (chunk, _, done) { text += chunk; done() } })
      await pipeline(c.query(copy.to('COPY (SELECT * FROM njs ORDER BY id) TO STDOUT WITH CSV HEADER')), sink)
      assert.strictEqual(text, 'id,name,n\n1,a,\n2,b,2.50\n')
      await fails(pipeline(Readable.from(['1\ta\n']), c.query(copy.from('COPY njs (id, name) FROM STDIN'))), '23505')
      assert.strictEqual((await c.query('SELECT count(*)::int AS n FROM njs')).rows[0].n, 2)
    }))
  },
  async notify () {
    await connected(async c => connected(async other => {
      await c.query('LISTEN njs_news')
      const heard = new Promise(resolve => c.on('notification', resolve))
      await other.query("NOTIFY njs_news, 'hello'")
      assert.strictEqual((await heard).payload, 'hello')
    }))
  },
  async cancelAndTimeout () {
    await connected(async c => connected(async other => {
      const { rows } = await c.query('SELECT pg_backend_pid() AS pid')
      const slow = fails(c.query('SELECT pg_sleep(20)'), '57014')
      setTimeout(() => other.query('SELECT pg_cancel_backend($1)', [rows[0].pid]), 200)
      await slow
      await c.query('SET statement_timeout = 100')
      await fails(c.query('SELECT pg_sleep(20)'), '57014')
    }))
  },
  async manyStatements () {
    await connected(async c => {
      const results = await c.query('SELECT 1 AS a; SELECT 2 AS b')
      assert.deepStrictEqual(results.map(r => r.rows), [[{ a: 1 }], [{ b: 2 }]])
    })
  },
  async pool () {
    const pool = new Pool({ ...options(), max: 8 })
    const sums = await Promise.all(Array.from({ length: 100 }, (_, n) => pool.query('SELECT $1::int + 1 AS n', [n])))
    assert.strictEqual(sums.reduce((a, r) => a + r.rows[0].n, 0), 5050)
    await pool.end()
  },
  async any () {
    await connected(async c => {
      const r = await c.query('SELECT "Code" FROM "Country" WHERE "Code" = ANY($1) ORDER BY 1', [['JP', 'DE']])
      assert.deepStrictEqual(r.rows.map(row => row.Code), ['DE', 'JP'])
    })
  },
}

async function main () {
  for (const [name, body] of Object.entries(cases)) {
    const limit = new Promise((resolve, reject) => setTimeout(reject, 20000, new Error('timeout')).unref())
    try {
      await Promise.race([body(), limit])
      console.log(`ok ${name}`)
    } catch (e) {
      console.log(`not ok ${name}: ${String(e.stack || e).replace(/\s+/g, ' ').slice(0, 600)}`)
    }
  }
  process.exit(0)
}
main()
