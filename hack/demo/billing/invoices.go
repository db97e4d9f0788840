package main

import (
	"fmt"
	"sync"
)

// invoice is what the API answers with. Amounts are text: a float would lose
// cents.
type invoice struct {
	ID         string `json:"id"`
	Customer   string `json:"customer"`
	Currency   string `json:"currency"`
	Total      string `json:"total"`
	Status     status `json:"status"`
	VoidReason string `json:"voidReason,omitempty"`
}

type status string

const (
	statusOpen status = "open"
	statusPaid status = "paid"
	statusVoid status = "void"
)

// ledger holds the invoices in memory: a restart brings back the ones below.
type ledger struct {
	mu       sync.Mutex
	invoices map[string]invoice
}

func newLedger() *ledger {
	l := &ledger{invoices: map[string]invoice{}}
	for _, i := range []invoice{
		{ID: "INV-2040", Customer: "Northwind Traders", Currency: "EUR", Total: "89.00", Status: statusPaid},
		{ID: "INV-2041", Customer: "Adventure Works", Currency: "EUR", Total: "1240.50", Status: statusOpen},
		{ID: "INV-2042", Customer: "Contoso", Currency: "USD", Total: "310.00", Status: statusOpen},
	} {
		l.invoices[i.ID] = i
	}
	return l
}

func (l *ledger) get(id string) (invoice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.invoices[id]
	if !ok {
		return invoice{}, notFound(id)
	}
	return found, nil
}

// void cancels an open invoice.
func (l *ledger) void(id, reason string) (invoice, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, ok := l.invoices[id]
	if !ok {
		return invoice{}, notFound(id)
	}
	if found.Status != statusOpen {
		return invoice{}, conflict(fmt.Sprintf("invoice %s is %s; only an open invoice can be voided", id, found.Status))
	}
	found.Status, found.VoidReason = statusVoid, reason
	l.invoices[id] = found
	return found, nil
}
