CREATE TABLE customers (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name VARCHAR(100) NOT NULL,
  email TEXT UNIQUE,
  active BOOLEAN NOT NULL DEFAULT 1,
  balance NUMERIC(12,2) DEFAULT 0 CHECK (balance >= -1000),
  created_at TIMESTAMPTZ DEFAULT CURRENT_TIMESTAMP,
  born DATE,
  profile JSONB,
  photo BLOB
);
CREATE TABLE products (
  sku TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  price DOUBLE PRECISION,
  weight REAL,
  qty SMALLINT DEFAULT 0,
  attrs JSON,
  tags text[],
  uid UUID,
  updated TIMESTAMP
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  customer_id INTEGER NOT NULL REFERENCES customers(id) ON DELETE CASCADE,
  placed TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
  status VARCHAR(20) DEFAULT 'new' CHECK (status IN ('new','paid','shipped','cancelled')),
  note TEXT,
  CONSTRAINT orders_placed_chk CHECK (placed > '2000-01-01')
);
CREATE TABLE order_items (
  order_id BIGINT NOT NULL REFERENCES orders(id) ON DELETE CASCADE,
  line int4 NOT NULL,
  sku TEXT REFERENCES products(sku),
  qty int4 NOT NULL DEFAULT 1,
  price NUMERIC(10,2),
  total NUMERIC GENERATED ALWAYS AS (qty * price) STORED,
  PRIMARY KEY (order_id, line)
);
CREATE TABLE events (id INTEGER PRIMARY KEY, at TIMESTAMPTZ, t TIME, d INTERVAL, payload JSONB);
CREATE TABLE "Odd ""Name" ("Mixed" int4, "select" text, id int4);
CREATE INDEX orders_customer_idx ON orders(customer_id, placed DESC);
CREATE UNIQUE INDEX products_uid ON products(uid);
CREATE VIEW active_customers AS SELECT id, name, email FROM customers WHERE active;
