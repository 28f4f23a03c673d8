/** Every kind of event that GitHub sends to a webhook: what `X-GitHub-Event` may say. */
export const GITHUB_EVENTS = [
  'branch_protection_rule',
  'check_run',
  'check_suite',
  'code_scanning_alert',
  'commit_comment',
  'create',
  'delete',
  'dependabot_alert',
  'deploy_key',
  'deployment',
  'deployment_review',
  'deployment_status',
  'discussion',
  'discussion_comment',
  'fork',
  'github_app_authorization',
  'gollum',
  'installation',
  'installation_repositories',
  'issue_comment',
  'issues',
  'label',
  'marketplace_purchase',
  'member',
  'membership',
  'merge_group',
  'meta',
  'milestone',
  'organization',
  'org_block',
  'package',
  'page_build',
  'ping',
  'project',
  'project_card',
  'project_column',
  'projects_v2_item',
  'public',
  'pull_request',
  'pull_request_review',
  'pull_request_review_comment',
  'pull_request_review_thread',
  'push',
  'release',
  'repository_dispatch',
  'repository',
  'repository_import',
  'repository_vulnerability_alert',
  'security_advisory',
  'sponsorship',
  'star',
  'status',
  'team',
  'team_add',
  'watch',
  'workflow_dispatch',
  'workflow_job',
  'workflow_run',
] as const;

export type GithubEvent = (typeof GITHUB_EVENTS)[number];

const KNOWN: ReadonlySet<string> = new Set(GITHUB_EVENTS);

export function isGithubEvent(name: string): name is GithubEvent {
  return KNOWN.has(name);
}

/** One topic per kind of event, so that a subscription can choose. */
export function topicOf(event: GithubEvent): string {
  return `github.${event}`;
}
