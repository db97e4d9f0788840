package authn

import (
	"encoding/binary"
	"time"
)

// packed is a Principal in one string: a hundred thousand of them are kept at
// once, as bytes without pointers. Its texts are read out without copying.
//
//	flags    which of token, login and key there are
//	expires  instant
//	token    instant, where it is another
//	login    instant
//	key      the thumbprint
//	scopes   a number for each 64 declared scopes
//	subject, client, acr: each a length and the text
type packed string

// instantBytes holds seconds since 1970 and nanoseconds: what a NumericDate can
// say reaches farther than a 64-bit count of nanoseconds.
const instantBytes = 8 + 4

const (
	hasLogin = 1 << iota
	hasKey
	hasToken
)

func pack(p *Principal) packed {
	b := make([]byte, 1, 256) // on the stack, unless texts are long
	b = appendInstant(b, p.Expires)
	if !p.TokenExpires.Equal(p.Expires) {
		b[0] |= hasToken
		b = appendInstant(b, p.TokenExpires)
	}
	if !p.Login.IsZero() {
		b[0] |= hasLogin
		b = appendInstant(b, p.Login)
	}
	if p.Key != nil {
		b[0] |= hasKey
		b = append(b, p.Key[:]...)
	}
	for _, word := range p.Scopes {
		b = binary.AppendUvarint(b, word)
	}
	for _, text := range []string{p.Subject, p.ClientID, p.ACR} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	return packed(b)
}

func (s packed) expires() time.Time { return instant(s[1:]) }

func (s packed) unpack() *Principal {
	p := &Principal{Expires: s.expires(), TokenExpires: s.expires()}
	flags := s[0]
	s = s[1+instantBytes:]
	if flags&hasToken != 0 {
		p.TokenExpires = instant(s)
		s = s[instantBytes:]
	}
	if flags&hasLogin != 0 {
		p.Login = instant(s)
		s = s[instantBytes:]
	}
	if flags&hasKey != 0 {
		p.Key = new(Thumbprint)
		s = s[copy(p.Key[:], s):]
	}
	for i := range p.Scopes {
		p.Scopes[i], s = s.number()
	}
	for _, text := range []*string{&p.Subject, &p.ClientID, &p.ACR} {
		var length uint64
		length, s = s.number()
		*text, s = string(s[:length]), s[length:]
	}
	return p
}

func appendInstant(b []byte, t time.Time) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(t.Unix()))          //nolint:gosec // the same bits come back
	return binary.BigEndian.AppendUint32(b, uint32(t.Nanosecond())) //nolint:gosec // below 1e9
}

func instant(s packed) time.Time {
	return time.Unix(int64(uint64At(s)), int64(uint32At(s[8:]))) //nolint:gosec // what appendInstant wrote
}

// number returns the uvarint at the start, and what follows it.
func (s packed) number() (n uint64, rest packed) {
	for i, shift := 0, 0; ; i, shift = i+1, shift+7 {
		n |= uint64(s[i]&0x7f) << shift
		if s[i] < 0x80 {
			return n, s[i+1:]
		}
	}
}

func uint64At(s packed) uint64 { return uint64(uint32At(s))<<32 | uint64(uint32At(s[4:])) }

func uint32At(s packed) uint32 {
	_ = s[3]
	return uint32(s[0])<<24 | uint32(s[1])<<16 | uint32(s[2])<<8 | uint32(s[3])
}
