// pgx with its own protocol, pool and COPY, and lib/pq through database/sql. Takes no argument;
// connects by the PG* variables. Prints `ok NAME` or `not ok NAME: message` for each case.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgconn"
	"github.com/jackc/pgtype"
	"github.com/jackc/pgx/v4"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/lib/pq"
)

var background = context.Background()

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func equal(got, wanted interface{}) {
	if !reflect.DeepEqual(got, wanted) {
		panic(fmt.Errorf("got %#v, wanted %#v", got, wanted))
	}
}

func fails(err error, code string) {
	var theirs *pgconn.PgError
	var pqs *pq.Error
	switch {
	case errors.As(err, &theirs):
		equal(theirs.Code, code)
	case errors.As(err, &pqs):
		equal(string(pqs.Code), code)
	default:
		panic(fmt.Errorf("got %v, wanted %s", err, code))
	}
}

func connected(body func(c *pgx.Conn)) {
	c, err := pgx.Connect(background, "")
	check(err)
	defer c.Close(background)
	body(c)
}

func opened(body func(db *sql.DB)) {
	db, err := sql.Open("postgres", "")
	check(err)
	defer db.Close()
	body(db)
}

func withTable(c *pgx.Conn, body func()) {
	execute := func(text string) {
		_, err := c.Exec(background, text)
		check(err)
	}
	execute("DROP TABLE IF EXISTS gos")
	execute("CREATE TABLE gos (id int4 PRIMARY KEY, name text NOT NULL, n numeric(10,2), t timestamptz)")
	defer execute("DROP TABLE gos")
	body()
}

var moment = time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)

// A value sent in the binary form comes back in it.
func pgxTypes() {
	connected(func(c *pgx.Conn) {
		for _, one := range []struct {
			kind  string
			value interface{}
		}{
			{"bool", true}, {"int2", int16(-5)}, {"int4", int32(70000)}, {"int8", int64(1) << 62},
			{"float4", float32(1.5)}, {"float8", 0.1}, {"text", "Größe"}, {"varchar", "x"},
			{"bytea", []byte{0, 255}}, {"timestamp", moment}, {"date", moment.Truncate(24 * time.Hour)},
		} {
			var got interface{}
			check(c.QueryRow(background, "SELECT $1::"+one.kind, one.value).Scan(&got))
			equal(got, one.value)
		}
		var when time.Time
		check(c.QueryRow(background, "SELECT $1::timestamptz", moment).Scan(&when))
		equal(when.Equal(moment), true)
		var names []string
		check(c.QueryRow(background, "SELECT $1::text[]", []string{"a", `b"c`}).Scan(&names))
		equal(names, []string{"a", `b"c`})
		var sum pgtype.Numeric
		check(c.QueryRow(background, "SELECT 10.25::numeric * $1", 2).Scan(&sum))
		var product float64
		check(sum.AssignTo(&product))
		equal(product, 20.5)
		var wait pgtype.Interval
		check(c.QueryRow(background, "SELECT '1 mon 2 days 03:00:00'::interval").Scan(&wait))
		equal([]int64{int64(wait.Months), int64(wait.Days), wait.Microseconds}, []int64{1, 2, 10800000000})
		var fields map[string]interface{}
		check(c.QueryRow(background, "SELECT $1::jsonb", map[string]interface{}{"a": 1.0}).Scan(&fields))
		equal(fields, map[string]interface{}{"a": 1.0})
	})
}

func pgxRows() {
	connected(func(c *pgx.Conn) {
		rows, err := c.Query(background, `SELECT "InvoiceId", "Total" FROM "Invoice" WHERE "InvoiceId" > $1 ORDER BY 1 LIMIT 3`, 2)
		check(err)
		var ids []int64
		for rows.Next() {
			values, err := rows.Values()
			check(err)
			switch id := values[0].(type) {
			case int32:
				ids = append(ids, int64(id))
			case int64:
				ids = append(ids, id)
			}
		}
		check(rows.Err())
		equal(ids, []int64{3, 4, 5})
		equal(rows.CommandTag().String(), "SELECT 3")
	})
}

func pgxTransaction() {
	connected(func(c *pgx.Conn) {
		withTable(c, func() {
			check(c.BeginFunc(background, func(outer pgx.Tx) error {
				_, err := outer.Exec(background, "INSERT INTO gos VALUES ($1, $2, $3, $4)", 1, "a", 1.5, moment)
				check(err)
				fails(outer.BeginFunc(background, func(inner pgx.Tx) error {
					_, err := inner.Exec(background, "INSERT INTO gos VALUES (1, 'b')")
					return err
				}), "23505")
				return nil
			}))
			tag, err := c.Exec(background, "UPDATE gos SET n = n * 2")
			check(err)
			equal(tag.RowsAffected(), int64(1))
			var n string
			check(c.QueryRow(background, "SELECT n::text FROM gos").Scan(&n))
			equal(n, "3.00")
		})
	})
}

// Many statements on their way before the first answer.
func pgxBatch() {
	connected(func(c *pgx.Conn) {
		withTable(c, func() {
			batch := &pgx.Batch{}
			for n := 0; n < 50; n++ {
				batch.Queue("INSERT INTO gos (id, name) VALUES ($1, $2) RETURNING id", n, "x")
			}
			batch.Queue("SELECT count(*) FROM gos")
			results := c.SendBatch(background, batch)
			var got int64
			for n := 0; n < 50; n++ {
				check(results.QueryRow().Scan(&got))
				equal(got, int64(n))
			}
			check(results.QueryRow().Scan(&got))
			equal(got, int64(50))
			check(results.Close())
		})
	})
}

// COPY in the binary form, whose types pgx asks for first.
func pgxCopy() {
	connected(func(c *pgx.Conn) {
		withTable(c, func() {
			given := [][]interface{}{{int32(1), "a", nil, moment}, {int32(2), "b", nil, nil}}
			count, err := c.CopyFrom(background, pgx.Identifier{"gos"}, []string{"id", "name", "n", "t"}, pgx.CopyFromRows(given))
			check(err)
			equal(count, int64(2))
			_, err = c.CopyFrom(background, pgx.Identifier{"gos"}, []string{"id", "name", "n", "t"}, pgx.CopyFromRows(given))
			fails(err, "23505")
		})
	})
}

func pgxErrors() {
	connected(func(c *pgx.Conn) {
		for text, code := range map[string]string{
			"SELECT * FROM nowhere": "42P01", "SELECT 1/0": "22012", "SELEC": "42601", "SELECT 'x'::int": "22P02",
		} {
			_, err := c.Exec(background, text)
			fails(err, code)
		}
		soon, cancel := context.WithTimeout(background, 100*time.Millisecond)
		defer cancel()
		_, err := c.Exec(soon, "SELECT pg_sleep(20)")
		equal(errors.Is(err, context.DeadlineExceeded), true)
	})
}

func pgxNotify() {
	connected(func(c *pgx.Conn) {
		connected(func(other *pgx.Conn) {
			_, err := c.Exec(background, "LISTEN gos_news")
			check(err)
			_, err = other.Exec(background, "SELECT pg_notify('gos_news', $1)", "hello")
			check(err)
			heard, err := c.WaitForNotification(background)
			check(err)
			equal(heard.Payload, "hello")
		})
	})
}

func pgxPool() {
	pool, err := pgxpool.Connect(background, "")
	check(err)
	defer pool.Close()
	sums := make(chan int)
	for n := 0; n < 40; n++ {
		go func(n int) {
			var got int
			if pool.QueryRow(background, "SELECT $1::int + 1", n).Scan(&got) != nil {
				got = -1000
			}
			sums <- got
		}(n)
	}
	sum := 0
	for n := 0; n < 40; n++ {
		sum += <-sums
	}
	equal(sum, 820)
}

// Without prepared statements: parameters are written into the text.
func pgxSimple() {
	connected(func(c *pgx.Conn) {
		var text string
		var number int64
		check(c.QueryRow(background, "SELECT $1::text, $2::int8", pgx.QuerySimpleProtocol(true), `it's \ here`, -7).Scan(&text, &number))
		equal([]interface{}{text, number}, []interface{}{`it's \ here`, int64(-7)})
	})
}

func pqTypes() {
	opened(func(db *sql.DB) {
		var truth bool
		var number int64
		var real float64
		var text string
		var bytes []byte
		var when time.Time
		row := db.QueryRow("SELECT $1::bool, $2::int8, $3::float8, $4::text, $5::bytea, $6::timestamptz", true, 5, 0.1, "Größe", []byte{0, 255}, moment)
		check(row.Scan(&truth, &number, &real, &text, &bytes, &when))
		equal([]interface{}{truth, number, real, text, bytes}, []interface{}{true, int64(5), 0.1, "Größe", []byte{0, 255}})
		equal(when.Equal(moment), true)
		var names []string
		check(db.QueryRow("SELECT $1::text[]", pq.Array([]string{"a", `b"c`})).Scan(pq.Array(&names)))
		equal(names, []string{"a", `b"c`})
		var codes int
		check(db.QueryRow(`SELECT count(*) FROM "Country" WHERE "Code" = ANY($1)`, pq.Array([]string{"JP", "DE"})).Scan(&codes))
		equal(codes, 2)
	})
}

func pqColumns() {
	opened(func(db *sql.DB) {
		rows, err := db.Query(`SELECT "Name", count(*) AS n FROM "Country" GROUP BY 1 ORDER BY 1 LIMIT 1`)
		check(err)
		defer rows.Close()
		kinds, err := rows.ColumnTypes()
		check(err)
		equal([]string{kinds[0].Name(), kinds[0].DatabaseTypeName(), kinds[1].Name(), kinds[1].DatabaseTypeName()},
			[]string{"Name", "VARCHAR", "n", "INT8"})
	})
}

func pqTransaction() {
	opened(func(db *sql.DB) {
		_, err := db.Exec("DROP TABLE IF EXISTS gos_pq; CREATE TABLE gos_pq (id int4 PRIMARY KEY, name text)")
		check(err)
		defer db.Exec("DROP TABLE gos_pq")
		tx, err := db.Begin()
		check(err)
		in, err := tx.Prepare(pq.CopyIn("gos_pq", "id", "name"))
		check(err)
		for n := 0; n < 10; n++ {
			_, err = in.Exec(n, fmt.Sprint("n\t", n))
			check(err)
		}
		_, err = in.Exec()
		check(err)
		check(in.Close())
		check(tx.Commit())
		result, err := db.Exec("UPDATE gos_pq SET name = upper(name) WHERE id >= $1", 5)
		check(err)
		count, err := result.RowsAffected()
		check(err)
		equal(count, int64(5))
		_, err = db.Exec("INSERT INTO gos_pq VALUES (1, 'x')")
		fails(err, "23505")
		tx, err = db.BeginTx(background, &sql.TxOptions{Isolation: sql.LevelSerializable, ReadOnly: true})
		check(err)
		_, err = tx.Exec("DELETE FROM gos_pq")
		fails(err, "25006")
		check(tx.Rollback())
	})
}

func pqCancel() {
	opened(func(db *sql.DB) {
		soon, cancel := context.WithTimeout(background, 100*time.Millisecond)
		defer cancel()
		_, err := db.ExecContext(soon, "SELECT pg_sleep(20)")
		fails(err, "57014")
	})
}

func pqNotify() {
	opened(func(db *sql.DB) {
		listener := pq.NewListener("", time.Second, time.Second, nil)
		defer listener.Close()
		check(listener.Listen("gos_pq_news"))
		_, err := db.Exec("NOTIFY gos_pq_news, 'hello'")
		check(err)
		select {
		case heard := <-listener.Notify:
			equal(heard.Extra, "hello")
		case <-time.After(10 * time.Second):
			panic("nothing heard")
		}
	})
}

func run(name string, body func()) {
	defer func() {
		if why := recover(); why != nil {
			fmt.Printf("not ok %s: %s\n", name, strings.Join(strings.Fields(fmt.Sprint(why)), " "))
		} else {
			fmt.Printf("ok %s\n", name)
		}
	}()
	body()
}

func main() {
	// Neither driver knows it, and one says so.
	os.Unsetenv("PGCHANNELBINDING")
	run("pgxTypes", pgxTypes)
	run("pgxRows", pgxRows)
	run("pgxTransaction", pgxTransaction)
	run("pgxBatch", pgxBatch)
	run("pgxCopy", pgxCopy)
	run("pgxErrors", pgxErrors)
	run("pgxNotify", pgxNotify)
	run("pgxPool", pgxPool)
	run("pgxSimple", pgxSimple)
	run("pqTypes", pqTypes)
	run("pqColumns", pqColumns)
	run("pqTransaction", pqTransaction)
	run("pqCancel", pqCancel)
	run("pqNotify", pqNotify)
}
