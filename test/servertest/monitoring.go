package servertest

var spoiledMonitoring = map[string]spoiled{
	"a label of the operator's on what monitors": {
		func(o object) { o.set(map[string]any{"app.kubernetes.io/name": "x"}, "spec", "monitoring", "labels") },
		"spec.monitoring.labels: Invalid value: want no labels below app.kubernetes.io/ or securedmcp.dev/: the operator sets those",
	},
	"metrics are read too often": {
		func(o object) { o.set(int64(1), "spec", "monitoring", "scrapeSeconds") },
		"spec.monitoring.scrapeSeconds: Invalid value: 1: spec.monitoring.scrapeSeconds in body should be greater than or equal to 5",
	},
	"metrics are read too seldom for the alerts": {
		func(o object) { o.set(int64(300), "spec", "monitoring", "scrapeSeconds") },
		"spec.monitoring.scrapeSeconds: Invalid value: 300: spec.monitoring.scrapeSeconds in body should be less than or equal to 60",
	},
	"alerts that are neither on nor off": {
		func(o object) { o.set("Some", "spec", "monitoring", "alerts") },
		`spec.monitoring.alerts: Unsupported value: "Some": supported values: "Enabled", "Disabled"`,
	},
}
