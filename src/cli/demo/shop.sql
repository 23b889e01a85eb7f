-- A small shop. Its rows are computed, so that every demonstration starts with the same ones.
CREATE TABLE customers (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  email VARCHAR(60) NOT NULL UNIQUE,
  joined DATE NOT NULL
);
CREATE TABLE products (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  price NUMERIC(10,2) NOT NULL CHECK (price >= 0),
  in_stock BOOLEAN NOT NULL DEFAULT TRUE
);
CREATE TABLE orders (
  id INTEGER PRIMARY KEY,
  customer_id INTEGER NOT NULL REFERENCES customers,
  product_id INTEGER NOT NULL REFERENCES products,
  quantity INTEGER NOT NULL DEFAULT 1,
  ordered_at TIMESTAMP NOT NULL
);
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE VIEW revenue AS
  SELECT c.name AS customer, sum(p.price * o.quantity) AS total
  FROM orders o JOIN customers c ON c.id = o.customer_id JOIN products p ON p.id = o.product_id
  GROUP BY c.id;

INSERT INTO customers
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50)
  SELECT i,
    rtrim(substr('Ada  Bela Carl Dora EmileFloraGretaHenryIda  Jules', 1 + 5 * (i % 10), 5))
      || ' ' || char(65 + i % 26) || '.', 'c' || i || '@example.org', date('2024-01-01', i || ' days') FROM n;
INSERT INTO products
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40)
  SELECT i, 'Item ' || i, round(i * 37 % 90 + 0.99, 2), i % 7 <> 0 FROM n;
INSERT INTO orders
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)
  SELECT i, 1 + i * 7 % 50, 1 + i * 11 % 40, 1 + i % 3,
    datetime('2025-01-01', (i * 3) || ' hours') FROM n;
