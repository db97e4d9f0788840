-- The health of a SecuredMCPServer for Argo CD, for the key
-- resource.customizations.health.securedmcp.dev_SecuredMCPServer of the ConfigMap argocd-cm.
local health = {status = "Progressing", message = "waiting for the operator"}
if obj.status == nil or obj.status.conditions == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health
end
-- What waits for a controller, a kubelet or a person of another team, and may end by itself.
local passing = {
  Reconciling = true, Progressing = true, RollingOut = true, Propagating = true, NotAsked = true, NoReadyReplicas = true,
  IngressPending = true, RoutePending = true, CertificatePending = true,
}
for _, condition in ipairs(obj.status.conditions) do
  if condition.type == "Ready" then
    health.message = condition.message
    if condition.status == "True" then
      health.status = "Healthy"
    elseif condition.reason == "ScaledToZero" or condition.reason == "Paused" then
      health.status = "Suspended"
    elseif condition.status == "False" and not passing[condition.reason] then
      health.status = "Degraded"
    end
  end
end
return health
