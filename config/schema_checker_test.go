package config

import (
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema is as much of JSON schema as schema.json uses.
type schema struct {
	Schema               string             `json:"$schema"`
	Title                string             `json:"title"`
	Description          string             `json:"description"`
	Type                 any                `json:"type"`
	Properties           map[string]*schema `json:"properties"`
	AdditionalProperties *bool              `json:"additionalProperties"`
	Required             []string           `json:"required"`
	Items                *schema            `json:"items"`
	MinItems             int                `json:"minItems"`
	MinLength            int                `json:"minLength"`
	Minimum              *float64           `json:"minimum"`
	Maximum              *float64           `json:"maximum"`
	Pattern              string             `json:"pattern"`
	Enum                 []any              `json:"enum"`
	OneOf                []*schema          `json:"oneOf"`
	Default              any                `json:"default"`
	Ref                  string             `json:"$ref"`
	Defs                 map[string]*schema `json:"$defs"`

	root *schema
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	s := &schema{}
	decoder := json.NewDecoder(strings.NewReader(Schema()))
	decoder.DisallowUnknownFields() // a keyword that this test does not check
	if err := decoder.Decode(s); err != nil {
		t.Fatal(err)
	}
	s.root = s
	return s
}

func (s *schema) check(value any) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if s.Ref != "" {
		problems = s.referred().check(value)
	}
	if s.Enum != nil && !slices.Contains(s.Enum, value) {
		add("%v is none of %v", value, s.Enum)
	}
	if s.Type != nil && !hasType(s.Type, value) {
		add("%v matches no type of %v", value, s.Type)
		return problems
	}
	if s.OneOf != nil {
		matches := 0
		for _, alternative := range s.OneOf {
			if len(s.under(alternative).check(value)) == 0 {
				matches++
			}
		}
		if matches != 1 {
			add("%v matches %d of the alternatives", value, matches)
		}
	}
	return append(problems, s.checkParts(value)...)
}

func (s *schema) checkParts(value any) []string {
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	switch v := value.(type) {
	case string:
		if !regexp.MustCompile(s.Pattern).MatchString(v) {
			add("%q does not match %s", v, s.Pattern)
		}
		if len(v) < s.MinLength {
			add("%q is too short", v)
		}
	case float64:
		if s.Minimum != nil && v < *s.Minimum {
			add("%v is too small", v)
		}
		if s.Maximum != nil && v > *s.Maximum {
			add("%v is too large", v)
		}
	case []any:
		if len(v) < s.MinItems {
			add("fewer items than %d", s.MinItems)
		}
		for _, item := range v {
			if s.Items != nil {
				problems = append(problems, s.under(s.Items).check(item)...)
			}
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				add("%s is missing", name)
			}
		}
		for name, item := range v {
			if property, known := s.Properties[name]; known {
				problems = append(problems, s.under(property).check(item)...)
			} else if s.AdditionalProperties != nil && !*s.AdditionalProperties {
				add("%s is not allowed", name)
			}
		}
	}
	return problems
}

func (s *schema) under(child *schema) *schema {
	child.root = s.root
	return child
}

func (s *schema) referred() *schema {
	return s.under(s.root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")])
}

func hasType(accepted, value any) bool {
	if list, ok := accepted.([]any); ok {
		return slices.ContainsFunc(list, func(one any) bool { return hasType(one, value) })
	}
	number, isNumber := value.(float64)
	switch accepted {
	case "object":
		return reflect.ValueOf(value).Kind() == reflect.Map
	case "array":
		return reflect.ValueOf(value).Kind() == reflect.Slice
	case "string":
		return reflect.ValueOf(value).Kind() == reflect.String
	case "boolean":
		return reflect.ValueOf(value).Kind() == reflect.Bool
	case "integer":
		return isNumber && number == math.Trunc(number)
	default:
		return false
	}
}
