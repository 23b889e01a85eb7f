// knex, Sequelize, TypeORM and Kysely: `orms.js NAME` prints, as JSON, what the library saw while it
// made tables in an empty database, used them, altered them and dropped them; `kysely` reads what is
// there. Connects by the PG* variables. The answer is the same over every server.
'use strict'
const connection = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  user: process.env.PGUSER,
  database: process.env.PGDATABASE,
}

// The class and the constraint of the error that a promise ends with.
const refused = promise => promise.then(() => 'accepted', error => {
  const cause = error.original || error.driverError || error
  return [error.constructor.name, cause.code, cause.constraint || null]
})

async function knex () {
  const db = require('knex')({ client: 'pg', connection })
  const saw = []
  await db.schema.createTable('author', table => {
    table.increments('id')
    table.string('name', 40).notNullable().unique()
    table.date('born')
    table.timestamps(true, true)
  })
  await db.schema.createTable('book', table => {
    table.bigIncrements('id')
    table.integer('author_id').notNullable().references('author.id').onDelete('CASCADE')
    table.text('title').notNullable().index()
    table.decimal('price', 10, 2)
    table.boolean('printed').defaultTo(true)
    table.jsonb('details')
    table.uuid('key')
    table.binary('cover')
    table.unique(['author_id', 'title'])
  })
  saw.push(await db.schema.hasTable('book'), await db.schema.hasColumn('book', 'nosuch'))
  const [{ id }] = await db('author').insert({ name: 'Ann', born: '1990-02-28' }).returning('id')
  await db('book').insert([
    { author_id: id, title: 'One', price: '12.50', details: { a: [1, null] }, cover: Buffer.from([0, 255]) },
    { author_id: id, title: 'Öl', printed: false, key: '7f1c2f34-0000-4000-8000-000000000001' },
  ])
  await db('author').insert({ name: 'Ann', born: '2000-01-01' }).onConflict('name').merge(['born'])
  saw.push(await db('book').join('author', 'author.id', 'book.author_id').orderBy('book.id')
    .select('title', 'price', 'printed', 'details', 'key', 'cover', 'author.name'))
  saw.push(await db('book').where('title', 'ilike', 'oN%').orWhereBetween('price', [20, 30]).count())
  saw.push(await db('book').max('price as dearest').groupBy('printed').orderBy('printed').select('printed'))
  saw.push(await refused(db('author').insert({ name: 'Ann' })),
    await refused(db('book').insert({ author_id: 99, title: 'x' })),
    await refused(db('book').insert({ author_id: id })))
  await db.transaction(async outer => {
    await outer('book').update({ price: 1 })
    await outer.transaction(inner => inner('author').insert({ name: 'Ann' })).catch(() => {})
    saw.push(await outer('book').whereNull('key').forUpdate().pluck('price'))
    throw new Error('back')
  }).catch(error => saw.push(error.message))
  await db.schema.alterTable('author', table => {
    table.string('email', 80).unique()
    table.string('name', 80).notNullable().alter()
    table.integer('mentor').references('author.id')
    table.renameColumn('born', 'birthday')
    table.dropColumn('updated_at')
  })
  await db.schema.alterTable('book', table => {
    table.dropForeign('author_id')
    table.dropUnique(['author_id', 'title'])
    table.dropIndex('title')
  })
  for (const table of ['author', 'book']) {
    const { id, ...others } = await db(table).columnInfo()
    // The key is serial to PostgreSQL, and an identity column to egret.
    saw.push(others, id.type)
  }
  await db.schema.dropTable('book').dropTable('author')
  saw.push(await db.schema.hasTable('book'))
  await db.destroy()
  return saw
}

async function sequelize () {
  const { Sequelize, DataTypes, Op } = require('sequelize')
  const db = new Sequelize(connection.database, connection.user, '',
    { ...connection, dialect: 'postgres', logging: false })
  const saw = []
  const Author = db.define('Author', {
    name: { type: DataTypes.STRING(40), unique: true, allowNull: false },
    born: DataTypes.DATEONLY,
  }, { timestamps: false })
  const Book = db.define('Book', {
    title: { type: DataTypes.TEXT, allowNull: false },
    price: DataTypes.DECIMAL(10, 2),
    weight: DataTypes.DOUBLE,
    printed: { type: DataTypes.BOOLEAN, defaultValue: true },
    details: DataTypes.JSONB,
    key: DataTypes.UUID,
    cover: DataTypes.BLOB,
    readAt: DataTypes.DATE,
  }, { timestamps: false, indexes: [{ fields: ['title', 'price'] }] })
  Author.hasMany(Book, { foreignKey: { allowNull: false }, onDelete: 'CASCADE' })
  Book.belongsTo(Author)
  await db.sync()
  const ann = await Author.create({ name: 'Ann', born: '1990-02-28' })
  await ann.createBook({
    title: 'One', price: '12.50', weight: 0.5, details: { a: [1, null], b: 'x' },
    cover: Buffer.from([0, 255]), readAt: new Date('2024-02-29T12:00:00Z'),
  })
  await Book.bulkCreate([{ title: 'Öl', AuthorId: ann.id, printed: false }, { title: 'x', AuthorId: ann.id }])
  saw.push(await Author.findAll({ include: { model: Book, separate: false }, order: [[Book, 'id']] }))
  saw.push(await Book.findAndCountAll({ where: { title: { [Op.iLike]: 'oN%' } }, limit: 1 }))
  saw.push(await Book.findAll({ where: { details: { b: 'x' } }, attributes: ['title'] }))
  // findOrCreate makes a function in PL/pgSQL, which is refused with 0A000.
  saw.push(await Author.findCreateFind({ where: { name: 'Bob' } }).then(([, made]) => made))
  saw.push(await Author.upsert({ name: 'Bob', born: '2000-01-01' }).then(([row]) => row.born))
  saw.push(await Book.update({ price: 3 }, { where: { printed: true }, returning: ['title', 'price'] }))
  saw.push(await refused(Author.create({ name: 'Ann' })), await refused(Book.create({ title: 'x', AuthorId: 99 })),
    await refused(Book.create({ AuthorId: ann.id })))
  saw.push(await db.transaction(t => Book.destroy({ where: {}, transaction: t }).then(() => { throw new Error('back') }))
    .catch(error => error.message), await Book.count())
  const queries = db.getQueryInterface()
  await queries.addColumn('Authors', 'email', { type: DataTypes.STRING, unique: true })
  await queries.changeColumn('Books', 'price', { type: DataTypes.DECIMAL(12, 4), defaultValue: 1 })
  saw.push((await queries.showAllTables()).sort())
  for (const table of ['Books', 'Authors']) {
    const { id, ...others } = await queries.describeTable(table)
    // The key is serial to PostgreSQL, and an identity column to egret.
    saw.push(others, id.type, id.primaryKey)
  }
  saw.push(await queries.getForeignKeyReferencesForTable('Books'))
  saw.push((await queries.showIndex('Books')).map(index => [index.name, index.primary, index.unique, index.fields]))
  await db.sync({ alter: true })
  await db.drop()
  saw.push(await queries.showAllTables())
  await db.close()
  return saw
}

async function typeorm () {
  require('reflect-metadata')
  const { DataSource, EntitySchema, ILike } = require('typeorm')
  const id = { type: Number, primary: true, generated: true }
  const Author = new EntitySchema({
    name: 'author',
    columns: { id, name: { type: 'varchar', length: 40, unique: true }, born: { type: 'date', nullable: true } },
    relations: { books: { type: 'one-to-many', target: 'book', inverseSide: 'author' } },
  })
  const Book = new EntitySchema({
    name: 'book',
    columns: {
      id: { ...id, type: 'bigint', generated: 'identity' },
      title: { type: 'text' },
      price: { type: 'numeric', precision: 10, scale: 2, nullable: true },
      printed: { type: Boolean, default: true },
      details: { type: 'jsonb', nullable: true },
      key: { type: 'uuid', nullable: true },
      cover: { type: 'bytea', nullable: true },
      readAt: { type: 'timestamp with time zone', nullable: true },
    },
    indices: [{ columns: ['title', 'price'] }],
    checks: [{ name: 'cheap', expression: 'price < 100' }],
    relations: { author: { type: 'many-to-one', target: 'author', joinColumn: true, onDelete: 'CASCADE', nullable: false } },
  })
  const source = new DataSource({ type: 'postgres', ...connection, username: connection.user, entities: [Author, Book] })
  await source.initialize()
  await source.synchronize()
  const saw = []
  const authors = source.getRepository(Author)
  const books = source.getRepository(Book)
  const ann = await authors.save({ name: 'Ann', born: '1990-02-28' })
  await books.save([
    { title: 'One', price: '12.50', details: { a: [1, null] }, cover: Buffer.from([0, 255]), author: ann,
      readAt: new Date('2024-02-29T12:00:00Z') },
    { title: 'Öl', printed: false, author: ann, key: '7f1c2f34-0000-4000-8000-000000000001' },
  ])
  saw.push(await books.find({ relations: { author: true }, order: { id: 'ASC' } }))
  saw.push(await books.find({ where: { title: ILike('oN%'), author: { name: 'Ann' } }, take: 2 }))
  saw.push(await books.createQueryBuilder('b').select('count(*)', 'n').addSelect('max(b.price)', 'dearest')
    .leftJoin('b.author', 'a').groupBy('a.name').getRawMany())
  await authors.upsert({ name: 'Ann', born: '2000-01-01' }, ['name'])
  saw.push(await authors.findOneBy({ name: 'Ann' }), (await books.update({ printed: true }, { price: '3' })).affected)
  saw.push(await refused(authors.insert({ name: 'Ann' })), await refused(books.insert({ title: 'x', author: { id: 99 } })),
    await refused(books.insert({ title: 'x', price: 100, author: ann })))
  saw.push(await source.transaction(async manager => {
    await manager.delete(Book, {})
    throw new Error('back')
  }).catch(error => error.message), await books.count())
  const left = await source.driver.createSchemaBuilder().log()
  saw.push(left.upQueries.map(query => query.query))
  const runner = source.createQueryRunner()
  saw.push((await runner.getTables(['author', 'book'])).map(table => [
    table.name, table.columns.map(c => [c.name, c.type, c.isNullable, c.isPrimary, c.isGenerated, c.isUnique, c.length]),
    table.foreignKeys.map(key => [key.columnNames, key.referencedColumnNames, key.onDelete]),
    table.uniques.map(key => key.columnNames), table.checks.map(check => check.name),
    table.indices.map(index => [index.columnNames, index.isUnique])]))
  await runner.release()
  await source.dropDatabase()
  saw.push(await source.query('SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()'))
  await source.destroy()
  return saw
}

async function kysely () {
  const { Kysely, PostgresDialect } = require('kysely')
  const { Pool } = require('pg')
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new Pool(connection) }) })
  const saw = [await db.introspection.getSchemas(), await db.introspection.getTables()]
  saw.push(await db.selectFrom('Album').innerJoin('Artist', 'Artist.ArtistId', 'Album.ArtistId')
    .select(['Title', 'Name']).where('Title', 'like', 'T%').orderBy('Title').execute())
  await db.destroy()
  return saw
}

const run = { knex, sequelize, typeorm, kysely }[process.argv[2]]
run().then(saw => console.log(JSON.stringify(saw)), error => {
  console.error(error)
  process.exitCode = 1
})
