/** What the figures of a dry run rest on, in plain sentences: nobody ran the turns that it tells of. */

export const ASSUMPTIONS: readonly string[] = [
  'People and their clients send the same turns at the same times, whatever model answered before.',
  'A turn served by the same model with the same cache uses and costs what it did, to the nano-USD.',
  'A turn served by another model has the same text, counted by that model’s tokenizer, and as many web searches; several requests billed as one turn, and several attempts of it, are taken for one.',
  'A model’s cache has what the thread’s own turns on that model left in it under the draft; nothing is shared between sessions there.',
  'A turn served by another model takes as long as it did.',
  'Prices are those in force when a turn was admitted, of the provider that answered it.',
  'A session refused for good sends nothing until the budget’s window resets or the budget is raised; a session’s own budget ends it. Where reality refused the turn too, what came after is taken as it came.',
  'A turn refused because a model is not allowed, or because its cost has no bound, ends no session.',
  'A turn that only waits for other turns’ holds comes back after the seconds it was told, at most ten times.',
  'A turn refused in reality that the draft would have served costs what was expected of it; what would have followed is not known and not counted.',
  'A turn that was told to come back in reality is decided over, and charged only where it came back.',
  'Limits besides money are not replayed: a turn that one kept waiting in reality came when it came, and a draft’s own keep nobody waiting.',
  'What people did stays: pauses, stopped sessions, archiving, exemptions, wishes to step down and raises; a raise lifts the draft’s budget of the same name.',
  'A model that the upstream refused for a turn refuses it under the draft too; other models would have answered.',
  'A thread begun before the replay goes on with its recorded history, and under a draft without a step down.',
  'Charges estimated because a client left or nobody reported are charges.',
  'The most that an expired turn can still cost is kept aside for a day from when it was settled.',
];
