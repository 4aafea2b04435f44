-- Staff by department, as of now
select department_name, count(*) as staff
from dim_staff
group by department_name
order by staff desc
