"""The filter language: one small tree of conditions for views, dynamic lists, and whoever picks contacts."""
