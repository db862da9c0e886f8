//! Leptos pages, components and charts.
